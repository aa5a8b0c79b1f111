import type { ReactNode } from 'react'

import { fold } from './fold'
import type { Item } from './item'

/** A picture for an item that has none, or whose picture does not load: drawn by what the item seems to be. */
export function StandIn({ item }: { item: Pick<Item, 'name' | 'category' | 'tagline'> }) {
  const { drawing, hue } = drawingOf(item)
  return (
    <svg className={`stand-in hue-${hue}`} viewBox="20 0 120 120" aria-hidden="true" focusable="false">
      <circle className="plate-shadow" cx="80" cy="64" r="50" />
      <circle className="plate" cx="80" cy="60" r="50" />
      <circle className="rim" cx="80" cy="60" r="41" />
      {drawing}
    </svg>
  )
}

/** Finds the drawing by the words of the item. What has none gets a knife and fork, in a colour of its name. */
export function drawingOf({ name, category, tagline }: Pick<Item, 'name' | 'category' | 'tagline'>) {
  const kinds = Object.entries(drawings)
  for (const text of [name, category ?? '', tagline ?? '']) {
    const folded = fold(text)
    const kind = kinds.find(([, { words }]) => words.test(folded))
    if (kind) return { kind: kind[0], ...kind[1] }
  }
  const sum = [...fold(name)].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0)
  return { kind: 'other', hue: sum % 6, drawing: cutlery }
}

const cutlery = (
  <g className="line">
    <path d="M66 36v14a7 7 0 0 0 14 0V36M73 36v48" />
    <path d="M94 84V36c-7 5-9 13-9 22h9" />
  </g>
)

interface Drawing {
  words: RegExp
  hue: number
  drawing: ReactNode
}

const drawings: Record<string, Drawing> = {
  burger: {
    words: /burger|sandwich|slider|\bbun\b|hot ?dog|panini|\btoast/,
    hue: 0,
    drawing: (
      <>
        <path fill="#d98e3f" d="M48 55c0-17 14-27 32-27s32 10 32 27z" />
        <path fill="#f7e2b5" d="M62 40l4-2M74 35l4-1M88 36l4 2M98 44l3 3M72 45l4-1" stroke="#f7e2b5" strokeWidth="3" strokeLinecap="round" />
        <path fill="#6fa344" d="M46 58c5-4 9 4 14 0s9 4 14 0 9 4 14 0 9 4 14 0 8 3 12 0l1 7H46z" />
        <path fill="#f2c14b" d="M50 64h60l-10 8-6-4-8 8-10-8z" />
        <rect x="47" y="66" width="66" height="11" rx="5.5" fill="#7a3f26" />
        <path fill="#d98e3f" d="M49 79h62v4c0 6-4 9-9 9H58c-5 0-9-3-9-9z" />
      </>
    ),
  },
  pizza: {
    words: /pizza|calzone|focaccia|flatbread|margherita/,
    hue: 1,
    drawing: (
      <>
        <path fill="#c98a3c" d="M44 44c20-17 52-17 72 0l-5 8c-18-13-44-13-62 0z" />
        <path fill="#f4c95d" d="M49 51c18-13 44-13 62 0L80 98z" />
        <circle cx="70" cy="57" r="7" fill="#c13f2d" />
        <circle cx="91" cy="60" r="6.5" fill="#c13f2d" />
        <circle cx="79" cy="76" r="6" fill="#c13f2d" />
        <path d="M80 51c4-4 9-3 9-3s-2 6-7 5M66 69c4 0 6 3 6 3s-4 3-6-1" fill="#5d8a3a" />
      </>
    ),
  },
  tea: {
    words: /\btea\b|\btee\b|coffee|kaffee|\bcafe\b|espresso|latte|cappuccino|cocoa|chai|matcha|mocha/,
    hue: 2,
    drawing: (
      <>
        <path className="line" stroke="#fff" strokeWidth="3" d="M70 38c-4-5 4-8 0-14M84 38c-4-5 4-8 0-14" opacity=".8" />
        <ellipse cx="78" cy="90" rx="40" ry="6" fill="#e6d5bb" />
        <path fill="#fffaf0" d="M50 48h56v14c0 16-11 26-28 26S50 78 50 62z" stroke="#e0cdae" />
        <path fill="none" stroke="#fffaf0" strokeWidth="6" d="M104 54c14-3 17 18-3 19" />
        <ellipse cx="78" cy="49" rx="28" ry="6" fill="#b5702f" />
        <path fill="#5d8a3a" d="M84 66c8-8 14-5 14-5s-1 9-9 9l-5 6" />
      </>
    ),
  },
  drink: {
    words: /soda|cola|juice|saft|water|lemonade|limonade|smoothie|cocktail|wine|wein|beer|bier|drink|getrank|shake|mojito|spritz|beverage/,
    hue: 3,
    drawing: (
      <>
        <path fill="#fff" opacity=".75" d="M56 32h48l-6 58a6 6 0 0 1-6 5H68a6 6 0 0 1-6-5z" />
        <path fill="#f08a4b" d="M58 48h44l-4 40a5 5 0 0 1-5 4H67a5 5 0 0 1-5-4z" />
        <path stroke="#c13f2d" strokeWidth="4" strokeLinecap="round" d="M84 78L96 20l10-3" fill="none" />
        <rect x="66" y="54" width="13" height="13" rx="3" fill="#fff" opacity=".55" transform="rotate(-12 72 60)" />
        <rect x="80" y="64" width="12" height="12" rx="3" fill="#fff" opacity=".45" transform="rotate(14 86 70)" />
        <circle cx="58" cy="38" r="12" fill="#f7d154" stroke="#fff6d6" strokeWidth="3" />
      </>
    ),
  },
  soup: {
    words: /soup|suppe|ramen|\bpho\b|stew|chili|curry|broth|bowl|noodle|pasta|spaghetti|gnocchi|ravioli|risotto|\brice\b|porridge|eintopf/,
    hue: 4,
    drawing: (
      <>
        <path className="line" stroke="#fff" strokeWidth="3" d="M66 36c-4-5 4-8 0-13M80 34c-4-5 4-8 0-13M94 36c-4-5 4-8 0-13" opacity=".8" />
        <ellipse cx="80" cy="52" rx="40" ry="11" fill="#e4702e" />
        <path fill="#f6b65a" d="M58 50c6-5 10 3 16-1s10 4 16 0 8 2 12 0c-4 8-36 9-44 1z" />
        <circle cx="72" cy="53" r="4" fill="#5d8a3a" />
        <circle cx="88" cy="54" r="3" fill="#5d8a3a" />
        <path fill="#2f6470" d="M40 54c8 9 72 9 80 0 0 20-13 35-29 37H69C53 89 40 74 40 54z" />
        <path fill="none" stroke="#fff" strokeWidth="3" opacity=".5" d="M46 66c12 8 56 8 68 0" />
      </>
    ),
  },
  salad: {
    words: /salad|salat|vegetable|gemuse|green|vegan|veggie|bruschetta|tomato|avocado|starter|appeti[sz]er|vorspeise/,
    hue: 5,
    drawing: (
      <>
        <path fill="#7cb24f" d="M46 60c-4-14 10-22 18-15 2-12 20-14 24-3 9-8 24 0 20 12 6 1 8 7 5 12H47z" />
        <path fill="#4f8a35" d="M54 60c0-9 9-12 14-6 4-9 15-9 18 0 6-6 15-3 15 6z" />
        <circle cx="66" cy="52" r="8" fill="#d8452f" />
        <circle cx="97" cy="56" r="6" fill="#d8452f" />
        <circle cx="83" cy="56" r="6" fill="#f2c14b" />
        <path fill="#f3e7d2" d="M40 61h80c0 19-14 31-30 31H70c-16 0-30-12-30-31z" />
        <path fill="none" stroke="#d9c29a" strokeWidth="3" d="M46 72h68" />
      </>
    ),
  },
  dessert: {
    words: /cake|kuchen|torte|dessert|sweet|brulee|pudding|ice ?cream|\beis\b|gelato|tiramisu|brownie|muffin|chocolate|pie\b|tart|cookie|pancake|waffle|creme/,
    hue: 1,
    drawing: (
      <>
        <path fill="#f7dfc0" d="M46 62l54-22 16 18v6H46z" />
        <path fill="#e88fa0" d="M46 60l54-22 16 18-3 8-6-3-7 4-8-4-8 5-8-5-8 4-8-4-8 4z" />
        <rect x="46" y="64" width="70" height="26" rx="3" fill="#8a4f34" />
        <path stroke="#f7dfc0" strokeWidth="5" d="M46 77h70" />
        <circle cx="90" cy="38" r="8" fill="#c1272d" />
        <path stroke="#5d8a3a" strokeWidth="2.5" fill="none" strokeLinecap="round" d="M91 31c2-6 7-8 11-7" />
      </>
    ),
  },
  fish: {
    words: /fish|fisch|salmon|tuna|sushi|shrimp|prawn|seafood|cod\b|trout|lachs|calamari|oyster/,
    hue: 3,
    drawing: (
      <>
        <path fill="#5f9ea8" d="M38 62c14-22 44-26 66-4l16-13c-3 12-3 18 0 30l-16-12c-22 21-52 18-66-1z" />
        <path fill="#8cc3c9" d="M46 62c12-13 32-16 50-3-18 9-34 11-50 3z" />
        <circle cx="54" cy="57" r="3.5" fill="#fff" />
        <circle cx="54" cy="57" r="1.8" fill="#1f2d33" />
        <path fill="none" stroke="#3f7882" strokeWidth="2.5" strokeLinecap="round" d="M67 50c5 7 5 16 0 23M79 52c4 6 4 12 0 18" />
        <path fill="#f7d154" d="M92 84a13 13 0 0 1 26 0z" stroke="#fff6d6" strokeWidth="3" />
      </>
    ),
  },
  grill: {
    words: /steak|meat|fleisch|chicken|beef|pork|lamb|ribs|bbq|grill|kebab|wings|duck|schnitzel|sausage|wurst|turkey/,
    hue: 0,
    drawing: (
      <>
        <path fill="#8e3b2c" d="M47 58c0-18 18-27 35-23 20 4 35 17 31 34-3 14-20 20-36 17-17-3-30-12-30-28z" />
        <path fill="#b95542" d="M53 57c0-13 14-20 28-17 16 3 29 13 26 27-2 10-16 15-29 12-14-2-25-10-25-22z" />
        <circle cx="70" cy="54" r="6.5" fill="#f6e3cf" />
        <path stroke="#6d2a1e" strokeWidth="4" strokeLinecap="round" d="M84 48l14 15M75 61l14 14M92 46l9 9" />
        <path fill="#5d8a3a" d="M104 86c2-9 12-11 16-8-1 7-8 11-16 8zM100 92c-5-7-1-14 3-15 4 5 3 12-3 15z" />
      </>
    ),
  },
  fries: {
    words: /fries|pommes|chips|potato|kartoffel|nachos|snack|side\b|sides\b|beilage/,
    hue: 1,
    drawing: (
      <>
        <path stroke="#f4c95d" strokeWidth="7" strokeLinecap="round" d="M60 62L56 32M69 60l-2-34M79 60V24M89 60l3-33M98 62l6-29M74 60l-8-26M85 60l10-28" />
        <path fill="#c13f2d" d="M50 54c18 9 42 9 60 0l-7 36a6 6 0 0 1-6 5H63a6 6 0 0 1-6-5z" />
        <path fill="#fff" opacity=".9" d="M72 74a8 8 0 0 1 16 0 8 8 0 0 1-16 0z" />
      </>
    ),
  },
  egg: {
    words: /\begg|omelet|breakfast|fruhstuck|brunch|bacon|benedict/,
    hue: 4,
    drawing: (
      <>
        <path fill="#fffdf6" d="M50 62c-4-15 12-30 27-25 6-9 27-6 27 8 12 3 13 20 3 25-2 15-20 19-29 12-12 6-27-4-28-20z" stroke="#efe3c8" strokeWidth="2" />
        <circle cx="78" cy="59" r="15" fill="#f5b32f" />
        <path fill="none" stroke="#fde6a8" strokeWidth="4" strokeLinecap="round" d="M70 55c1-5 5-7 9-7" />
      </>
    ),
  },
}
