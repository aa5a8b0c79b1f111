import type { ReactNode } from 'react'

/** The content of a page. The id is the target of the link that skips the header. */
export const Page = ({ title, className, children }: { title?: string; className?: string; children: ReactNode }) => (
  <main id="main" tabIndex={-1} className={className}>
    {title && <h1>{title}</h1>}
    {children}
  </main>
)
