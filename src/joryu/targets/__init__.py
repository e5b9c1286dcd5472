"""Soft targets: their type, their store on disk and their audit."""

from joryu.targets.audit import Audit, audit
from joryu.targets.encoding import Encoding, Form
from joryu.targets.finding import Finding, Severity
from joryu.targets.manifest import Cost, Manifest
from joryu.targets.soft_targets import SoftTargets, Space
from joryu.targets.store import Store
from joryu.targets.unreturned import expected_unreturned
from joryu.targets.writer import Flush, StoreWriter

__all__ = [
    "Audit",
    "Cost",
    "Encoding",
    "Finding",
    "Flush",
    "Form",
    "Manifest",
    "Severity",
    "SoftTargets",
    "Space",
    "Store",
    "StoreWriter",
    "audit",
    "expected_unreturned",
]
