import { Component, type ReactNode } from 'react'

import { text } from '../text'

/** Shows a message instead of an empty page after a bug. React requires a class here. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return (
      <main id="main" className="broken" role="alert">
        <h1>{text.broken.title}</h1>
        <p>{text.broken.detail}</p>
        <button type="button" className="primary" onClick={() => window.location.reload()}>
          {text.broken.reload}
        </button>
      </main>
    )
  }
}
