#!/bin/sh
# One whole back-up of DATABASE_URL into a folder, while the site runs; those older than KEEP_DAYS (30) go.
# backup.sh FOLDER. Needs sqlite3, or PostgreSQL's pg_dump of the server's version or a newer one.
set -eu
umask 077
folder=$1
mkdir -p "$folder"
stamp=$(date -u +%Y%m%dT%H%M%SZ)
case $DATABASE_URL in
sqlite:///*)
    path=${DATABASE_URL#sqlite:///}
    path=${path%%\?*}
    target=$folder/ateliers-$stamp.db
    # A whole copy of one instant, without what WAL still holds apart; writers go on meanwhile.
    sqlite3 -cmd '.timeout 15000' "$path" "VACUUM INTO '$target.part'"
    test "$(sqlite3 "$target.part" 'PRAGMA integrity_check')" = ok
    ;;
*)
    target=$folder/ateliers-$stamp.dump
    # What Tortoise alone reads of an address (?minsize=…) is nothing that pg_dump knows.
    pg_dump --format=custom --no-owner --file="$target.part" "${BACKUP_URL:-${DATABASE_URL%%\?*}}"
    pg_restore --list "$target.part" >/dev/null
    ;;
esac
mv "$target.part" "$target"
find "$folder" -name 'ateliers-*' -mtime "+${KEEP_DAYS:-30}" -delete
echo "$target"
