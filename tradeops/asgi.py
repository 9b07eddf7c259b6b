"""The ASGI application that `manage.py web` serves (any other ASGI server can: `uvicorn tradeops.asgi:application`)."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradeops.settings")
django_application = get_asgi_application()

from apps.console.asgi import build_application, use_connection_pool  # noqa: E402 - needs the app registry

use_connection_pool()
application = build_application(django_application)
