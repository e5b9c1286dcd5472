"""Soft targets: their type, their store on disk and their audit."""

from joryu.targets.soft_targets import Kind, SoftTargets, Space

__all__ = ["Kind", "SoftTargets", "Space"]
