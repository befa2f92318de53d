#!/usr/bin/env bash
# Say what to do when the tool that bundles the pages' scripts is missing.
set -euo pipefail
if command -v node npm >/dev/null && [ "$(node --version | sed 's/^v\([0-9]*\).*/\1/')" -ge 20 ]; then
  exit 0
fi
echo "Node 20 or newer, with npm, is needed to bundle the pages' scripts: install it, then repeat." >&2
exit 1
