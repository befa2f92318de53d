"""Where each address of the API leads."""

from __future__ import annotations

from django.urls import include, path

from autodialer.api import readable
from autodialer.api.v1.api import api

urlpatterns = [
    path("api/v1/docs", readable.docs, name="api_docs"),
    path("api/v1/errors", readable.errors, name="api_errors"),
    path("api/v1/", api.urls),
    path("", include("autodialer.api.exotel.urls")),
]
