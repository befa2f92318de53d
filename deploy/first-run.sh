#!/bin/sh
# Make the secrets of this installation, each once: what is there already is never changed.
set -eu
umask 027

made() {
  python -c "import secrets; print(secrets.token_urlsafe(36), end='')"
}

keep() { # NAME VALUE
  [ -s "/secrets/$1" ] && return
  printf '%s' "$2" > "/secrets/.$1"
  mv "/secrets/.$1" "/secrets/$1"
}

keep secret-key "$(made)"
keep database-password "$(made)"
password=$(cat /secrets/database-password)
keep database-url "postgresql://autodialer:$password@/autodialer?host=/var/run/postgresql"
