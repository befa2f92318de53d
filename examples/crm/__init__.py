"""A small CRM: docs/howto/connect-a-crm.md."""
