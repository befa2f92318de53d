#!/usr/bin/env bash
# Check that the given Python can make our environment; say the one line to run when it cannot.
set -euo pipefail

python=${1:-}
if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "Python 3.11 or newer is needed. Run: sudo apt-get install -y python3 python3-venv" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "This Python cannot make environments. Run: sudo apt-get install -y python3-venv" >&2
  exit 1
fi
