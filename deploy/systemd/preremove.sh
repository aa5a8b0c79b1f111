#!/bin/sh
# dpkg passes "remove", rpm passes the number of packages that stay. An upgrade must not stop the service.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ]; then systemctl disable --now menu-api.service; fi
	;;
esac
