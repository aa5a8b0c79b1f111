// The program lists the menu, and adds, changes and deletes an item, with the generated client.
import { client } from "./menu/client.gen.js";
import { createItem, deleteItem, getItem, listItems, patchItem } from "./menu/index.js";

declare const process: { argv: string[] };

const [baseUrl, token] = process.argv.slice(2);
client.setConfig({ baseUrl, auth: token });

const list = await listItems({ query: { limit: 2 } });
check(Array.isArray(list.data) && list.data.length === 2, "list", list, "2 items");

const created = await createItem({ body: { name: "Soup", price: 4.5, description: "Warm", image: "" } });
check(created.data?.price === 4.5, "create", created, "an item for 4.5");
const path = { id: created.data!.id };

const patched = await patchItem({ path, body: { price: 5.25 } });
check(patched.data?.price === 5.25 && patched.data.name === "Soup", "patch", patched, "Soup for 5.25");

const deleted = await deleteItem({ path });
check(deleted.data?.id === path.id, "delete", deleted, "the item");

const gone = await getItem({ path });
check(gone.error?.status === 404, "read after the delete", gone, "a problem with status 404");

function check(ok: boolean, step: string, got: { data?: unknown; error?: unknown }, want: string) {
  if (!ok) {
    throw new Error(`${step}: got ${JSON.stringify(got.error ?? got.data)}, want ${want}`);
  }
}
