import { fireEvent, screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { renderPage } from '../testing/render'
import PrintedMenu from './PrintedMenu'

const tea = { id: 3, name: 'Tea', price: 1.99, description: 'Informative', image: '' }

test.each([
  ['the whole menu', '', false],
  ['a part of the menu', 'next', true],
])('in print, %s says whether it is complete', (_, after, isPart) => {
  renderPage(<PrintedMenu open={false} />, { items: [tea], after })
  fireEvent(window, new Event('beforeprint'))
  expect(screen.getByText('Tea')).toBeTruthy()
  expect(screen.queryByText(/^Only a part of the menu has loaded/) !== null).toBe(isPart)
  fireEvent(window, new Event('afterprint'))
  expect(screen.queryByText('Tea')).toBeNull()
})
