// `npm run build`: the addon and the `lifeboat` executable, optimised.

import { build } from './cargo.mjs'

build()
