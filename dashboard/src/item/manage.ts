// What only the people who manage the menu need, in one chunk.
export { default as Arrange } from '../menu/Arrange'
export { default as Bulk } from '../menu/Bulk'
export { default as Activity } from './Activity'
export { default as Editor } from './Editor'
export { default as History } from './History'
