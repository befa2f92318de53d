"""Where each address of the API leads."""

from __future__ import annotations

from django.urls import include, path

from autodialer.api.v1.api import api

urlpatterns = [
    path("api/v1/", api.urls),
    path("", include("autodialer.api.exotel.urls")),
]
