#!/bin/sh
# The service starts only after an administrator has set the issuer in /etc/menu-api/menu-api.env.
set -e
if command -v systemd-sysusers > /dev/null; then systemd-sysusers menu-api.conf; fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart menu-api.service
fi
