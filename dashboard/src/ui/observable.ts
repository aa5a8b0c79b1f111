import { useSyncExternalStore } from 'react'

/** A value outside of React that components follow. */
export class Observable<T> {
  private listeners = new Set<() => void>()

  constructor(private value: T) {}

  readonly get = () => this.value
  readonly subscribe = (listener: () => void) => {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  set(value: T) {
    this.value = value
    this.listeners.forEach((listener) => listener())
  }
}

/** The current value. The component renders again when it changes. */
export const useObservable = <T>({ subscribe, get }: Observable<T>) => useSyncExternalStore(subscribe, get)
