#!/bin/sh
# Make the secrets of this installation, each once: what is there already is never changed.
set -eu
umask 077

made() {
  python -c "import secrets; print(secrets.token_urlsafe(36), end='')"
}

keep() { # NAME MODE VALUE
  [ -s "/secrets/$1" ] && return
  printf '%s' "$3" > "/secrets/.$1"
  chmod "$2" "/secrets/.$1"
  mv "/secrets/.$1" "/secrets/$1"
}

keep secret-key 600 "$(made)"
# PostgreSQL runs as another user, and reads it by its group.
keep database-password 640 "$(made)"
password=$(cat /secrets/database-password)
keep database-url 600 "postgresql://autodialer:$password@/autodialer?host=/var/run/postgresql"
