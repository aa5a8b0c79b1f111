import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import type { Cookie } from '@playwright/test'

export type Engine = 'sqlite' | 'postgres'

/** An item of the menu, as the API has it. */
export interface Item {
  id: number
  name: string
  price: number
  description: string
  image: string
  tagline?: string
  category?: string
  calories?: number
  soldOut?: boolean
  position?: number
}

/** The time limit for a start or a stop, in milliseconds. Generous, for busy machines. */
const timeout = 30_000

/** A running `menu-api dev` with its own database. It keeps its ports when it restarts. */
export class Program {
  readonly url: string
  readonly issuer: string
  /** The cookies of people who have signed in, by name, for other tests to reuse. */
  readonly cookies = new Map<string, Cookie[]>()
  readonly #folder: string
  readonly #environment: Record<string, string>
  #process?: ChildProcess

  private constructor(folder: string, ports: number[], environment: Record<string, string>) {
    this.url = `http://localhost:${ports[0]}`
    this.issuer = `http://localhost:${ports[1]}/`
    this.#folder = folder
    this.#environment = { PORT: `${ports[0]}`, DEV_IDP_PORT: `${ports[1]}`, ...environment }
  }

  /** Starts the program that BROWSER_PROGRAM names, with a new database in the given engine, and these settings. */
  static async start(engine: Engine, settings: Record<string, string> = {}): Promise<Program> {
    const folder = await mkdtemp(join(tmpdir(), 'menu-api-browser-'))
    const database: Record<string, string> = engine === 'postgres' ? { DATABASE_URL: await newDatabase() } : {}
    const program = new Program(folder, [await freePort(), await freePort()], { ...database, ...settings })
    await program.start()
    return program
  }

  async start(): Promise<void> {
    this.cookies.clear() // the development provider keeps sessions in memory
    const log = createWriteStream(join(this.#folder, 'log'), { flags: 'a' })
    await once(log, 'open')
    // The program must not inherit settings from this process.
    const started = spawn(variable('BROWSER_PROGRAM'), ['dev'], {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ['ignore', log, log],
    })
    log.close()
    this.#process = started
    for (const deadline = Date.now() + timeout; ; await pause(20)) {
      if (await responds(this.url + '/readyz')) return
      if (started.exitCode !== null || Date.now() > deadline) {
        throw new Error(`the program is not ready (exit status ${started.exitCode}):\n${await this.log()}`)
      }
    }
  }

  /** An access token for a user of the development provider: admin or customer. */
  async token(person: string): Promise<string> {
    const response = await fetch(this.issuer + 'oauth/token', {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'password',
        client_id: 'menu-dashboard',
        username: person,
        password: person,
      }),
    })
    return ((await response.json()) as { access_token: string }).access_token
  }

  /** Calls the API as the administrator and returns the body of the response. Fails on an error status. */
  async call(method: string, path: string, item?: Partial<Item>): Promise<Item> {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${await this.token('admin')}`, 'Content-Type': 'application/json' },
      body: item && JSON.stringify({ item }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text) as Item
  }

  /** Restores the default menu. Its items get new ids. */
  async reset(): Promise<void> {
    await this.call('POST', '/api/menu/reset')
  }

  /** The item with this name. */
  async item(name: string): Promise<Item> {
    const items = Object.values((await (await fetch(this.url + '/items')).json()) as Record<string, Item>)
    const item = items.find((item) => item.name === name)
    if (!item) throw new Error(`the menu has no ${name}`)
    return item
  }

  /** Changes the item with this name. */
  async change(name: string, changes: Partial<Item>): Promise<Item> {
    return this.call('PATCH', `/items/${(await this.item(name)).id}`, changes)
  }

  /** Replaces the menu of the running program with its command `import`. */
  async replaceMenu(items: Omit<Item, 'id'>[]): Promise<void> {
    const command = spawn(variable('BROWSER_PROGRAM'), ['import', '--replace', '-'], {
      cwd: this.#folder,
      env: this.#environment,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    command.stdin.end(items.map((item) => JSON.stringify(item)).join('\n'))
    const errors = text(command.stderr)
    const [status] = await once(command, 'exit')
    if (status !== 0) throw new Error(`import: exit status ${status}: ${await errors}`)
  }

  /** Stops the program as a container runtime does. */
  async stop(): Promise<void> {
    const running = this.#process
    if (!running || running.exitCode !== null) return
    const ended = once(running, 'exit')
    running.kill('SIGTERM')
    const slow = setTimeout(() => running.kill('SIGKILL'), timeout)
    await ended
    clearTimeout(slow)
    if (running.exitCode !== 0) throw new Error(`after SIGTERM: exit status ${running.exitCode}:\n${await this.log()}`)
  }

  /** Stops the program and removes its files. */
  async remove(): Promise<void> {
    try {
      await this.stop()
    } finally {
      await rm(this.#folder, { recursive: true, force: true })
    }
  }

  async log(): Promise<string> {
    return readFile(join(this.#folder, 'log'), 'utf8')
  }
}

async function responds(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false
  }
}

/** Requests a new PostgreSQL database from the Go test, which drops it at the end. */
async function newDatabase(): Promise<string> {
  const response = await fetch(variable('BROWSER_DATABASES'), { method: 'POST' })
  if (!response.ok) throw new Error(`no database: ${response.status} ${await response.text()}`)
  return response.text()
}

/** An unused port below the ephemeral range, so that it is still free after a restart. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, () => resolve(true))
    })
    if (free) {
      await new Promise((resolve) => server.close(resolve))
      return port
    }
  }
}

function variable(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the browser tests through \`go test ./test/browser\``)
  return value
}
