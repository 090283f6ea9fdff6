"""renkei: one inbox, one sync integration, any CRM."""
