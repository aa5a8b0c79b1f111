// Rules of hooks, accessibility, and the direction of imports. Prettier decides the format.
import jsxA11y from 'eslint-plugin-jsx-a11y'
import reactHooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

// A folder imports only from folders to its left.
const layers = ['api', 'routing', 'ui', 'auth', 'menu', 'item', 'app']

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api/schema.d.ts'] },
  ...tseslint.configs.recommended,
  jsxA11y.flatConfigs.strict,
  reactHooks.configs.flat['recommended-latest'],
  {
    rules: {
      // An effect without a list of dependencies runs after every render.
      'no-restricted-syntax': [
        'error',
        { selector: 'CallExpression[callee.name=/^use(Layout)?Effect$/][arguments.length<2]', message: 'Add a list of dependencies.' },
      ],
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_' }],
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  ...layers.map((layer, n) => ({
    files: [`src/${layer}/**`],
    ignores: ['**/*.test.*'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: layers.slice(n + 1).map((upper) => ({ group: [`**/${upper}/*`], message: `${layer} is below ${upper}.` })) },
      ],
    },
  })),
)
