"""The section for graded labels: nothing beyond the table of measures."""

from __future__ import annotations

from joryu.report.sections.section import GAP, SOONER, TWIN, Section

DEFINITIONS = (
    *TWIN,
    (
        "Accuracy",
        "The share of examples whose answer is one that nobody gave a larger share; student and twin are compared by"
        " it, with Tango’s score interval and McNemar’s exact test.",
    ),
    ("KL to the labels", "Mean of Σ y log(y / p) with the graded label y; 0 is best."),
    *GAP,
    *SOONER,
)

SECTION = Section("plain.html.j2", DEFINITIONS)
