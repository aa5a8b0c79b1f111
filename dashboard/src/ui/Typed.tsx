/** A paragraph that someone has typed, in its own direction. Nothing without text. */
export function Typed({ children, className }: { children: string | undefined; className?: string }) {
  return children ? (
    <p className={className} dir="auto">
      {children}
    </p>
  ) : null
}
