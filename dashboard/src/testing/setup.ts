import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

import { toasts } from '../ui/toasts'

configure({ asyncUtilTimeout: 20_000 }) // generous, for busy machines

afterEach(() => {
  cleanup()
  toasts.set([])
  sessionStorage.clear()
  window.history.replaceState(null, '', '/')
})
