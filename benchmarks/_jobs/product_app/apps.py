from django.apps import AppConfig


class ProductAppConfig(AppConfig):
    name = "benchmarks._jobs.product_app"
    label = "benchmark_jobs"
