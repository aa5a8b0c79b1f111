import { fireEvent, screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'

import { renderPage } from '../testing/render'
import type { Item } from '../api/types'
import { MenuPage } from './MenuPage'

const item = (id: number, name: string, more: Partial<Item> = {}): Item => ({ id, name, price: id, description: '', image: '', ...more })
const menu = [item(1, 'Burger', { category: 'Mains' }), item(2, 'Crème brûlée', { category: 'Desserts' })]
const names = () => screen.queryAllByRole('heading', { level: 3 }).map(({ textContent }) => textContent)

test('search ignores accents, shows the count, and updates the address', async () => {
  renderPage(<MenuPage />, { items: menu })
  await userEvent.type(screen.getByRole('searchbox', { name: 'Search the menu' }), 'creme')
  await screen.findByText('1 of 2 items')
  expect(names()).toEqual(['Crème brûlée'])
  expect(window.location.search).toBe('?q=creme')
})

test('an empty result offers to show everything', async () => {
  window.history.replaceState(null, '', '/?q=zzz')
  renderPage(<MenuPage />, { items: menu })
  expect(screen.getByText('Nothing on the menu matches.')).toBeTruthy()
  await userEvent.click(screen.getByRole('button', { name: 'Show everything' }))
  expect(names()).toEqual(['Burger', 'Crème brûlée'])
})

test('the reader can filter by category and sort', async () => {
  renderPage(<MenuPage />, { items: menu })
  await userEvent.selectOptions(screen.getByRole('combobox', { name: 'Sort by' }), 'Price, high to low')
  expect(names()).toEqual(['Crème brûlée', 'Burger'])
  await userEvent.click(screen.getByRole('radio', { name: 'Mains' }))
  expect(names()).toEqual(['Burger'])
})

test.each([
  ['an anonymous user', undefined, false],
  ['a customer', [], false],
  ['a user who may add items', ['create:items'], true],
])('%s sees only the actions that they may take', (_, permissions, mayAdd) => {
  renderPage(<MenuPage />, { items: menu, ...(permissions && { permissions }) })
  expect(screen.queryByRole('button', { name: 'Add an item' }) !== null).toBe(mayAdd)
})

test('a picture that does not load leaves the placeholder', () => {
  const { container } = renderPage(<MenuPage />, { items: [item(1, 'Burger', { image: 'https://x.example/burger.png' })] })
  const picture = container.querySelector('img') as HTMLImageElement
  expect(container.querySelector('.placeholder')).toBeTruthy()
  fireEvent.error(picture)
  expect(container.querySelector('img')).toBeNull()
  expect(container.querySelector('.placeholder')).toBeTruthy()
})

test('an empty menu has a message', () => {
  renderPage(<MenuPage />, { items: [] })
  expect(screen.getByText('There is nothing on the menu yet.')).toBeTruthy()
})
