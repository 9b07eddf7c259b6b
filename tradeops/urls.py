from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("apps.console.urls")),
]

handler400 = "apps.console.views.bad_request"
handler403 = "apps.console.views.not_allowed"
handler404 = "apps.console.views.not_found"
handler500 = "apps.console.views.server_error"
