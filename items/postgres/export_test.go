package postgres

// LockWrites is the first statement of a transaction that writes.
const LockWrites = lockWrites
