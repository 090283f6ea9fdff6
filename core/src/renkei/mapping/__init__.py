"""Pure: check a mapping against a schema, render an action, suggest rules."""

from renkei.mapping.action import Action, EnvelopeError, load_values, read_action
from renkei.mapping.check import CheckResult, check
from renkei.mapping.conversion import compatible
from renkei.mapping.drift import Difference, differences
from renkei.mapping.helpdesk import CHANNELS, KINDS, helpdesk_schema
from renkei.mapping.render import Rendered, Renderer, renderer
from renkei.mapping.rules import JSON, Mapping, Rule
from renkei.mapping.source import DELIVERY_KEY, DELIVERY_KEY_LENGTH, SourceChoice, SourceField, SourceSchema
from renkei.mapping.suggest import Suggestion, suggest
from renkei.mapping.triggers import DEFAULT_TRIGGERS, KINDS_BY_CHANNEL, Reason, Triggers

__all__ = [
    "CHANNELS",
    "DEFAULT_TRIGGERS",
    "DELIVERY_KEY",
    "DELIVERY_KEY_LENGTH",
    "JSON",
    "KINDS",
    "KINDS_BY_CHANNEL",
    "Action",
    "CheckResult",
    "Difference",
    "EnvelopeError",
    "Mapping",
    "Reason",
    "Rendered",
    "Renderer",
    "Rule",
    "SourceChoice",
    "SourceField",
    "SourceSchema",
    "Suggestion",
    "Triggers",
    "check",
    "compatible",
    "differences",
    "helpdesk_schema",
    "load_values",
    "read_action",
    "renderer",
    "suggest",
]
