import { Component, type ReactNode } from 'react'

/** Shows that something is broken instead of an empty page. React asks for a class here. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <main id="main" className="broken" role="alert">
        <h1>This page has stopped working</h1>
        <p>What you saved is safe. Load the page again to go on.</p>
        <button type="button" className="primary" onClick={() => window.location.reload()}>
          Load again
        </button>
      </main>
    )
  }
}
