const pause = 3_000 // milliseconds

/** Imports code, and tries until it succeeds. After a failure, such as without a connection, React.lazy would never try again. */
export async function persist<T>(load: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await load()
    } catch {
      await new Promise((resolve) => {
        window.addEventListener('online', resolve, { once: true })
        setTimeout(resolve, pause)
      })
    }
  }
}
