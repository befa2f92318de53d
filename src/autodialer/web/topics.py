"""All that pages can watch, from the tables beside their views."""

from __future__ import annotations

from typing import Final

from autodialer.web.live_topics import Topics
from autodialer.web.views import campaign_live, campaigns, exports, imports, work

TOPICS: Final = Topics(
    (*campaign_live.TOPICS, *campaigns.TOPICS, *exports.TOPICS, *imports.TOPICS, *work.TOPICS),
)
