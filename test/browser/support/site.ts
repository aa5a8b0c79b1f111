import { createServer, type Server } from 'node:http'
import { freePort } from './program.ts'

/** A page, as its media type and its text. */
export type Page = [type: string, body: string | Buffer]

/** Static pages at another origin, such as another dashboard. */
export class Site {
  readonly origin: string
  readonly #server: Server

  private constructor(origin: string, server: Server) {
    this.origin = origin
    this.#server = server
  }

  /** Serves pages by their path. The page at "/" is served at every other path too. */
  static async start(pages: Record<string, Page>): Promise<Site> {
    const port = await freePort()
    const server = createServer((request, response) => {
      const [type, body] = pages[new URL(request.url ?? '/', 'http://localhost').pathname] ?? pages['/']
      response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(body)
    })
    await new Promise<void>((resolve) => server.listen(port, resolve))
    return new Site(`http://localhost:${port}`, server)
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
