from django.apps import AppConfig


class BrokerConfig(AppConfig):
    name = "apps.broker"
    verbose_name = "Broker"
