"""The ASGI application that `manage.py web` serves."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradeops.settings")
django_application = get_asgi_application()

from apps.console.asgi import build_application  # noqa: E402 - needs the app registry

application = build_application(django_application)
