"""Django settings; other code reads them through `django.conf` only."""
