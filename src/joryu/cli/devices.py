"""``joryu devices``: list the devices that can be attached, and show what one measures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import typer

from joryu.cli.output import JSON, emit, talk

app = typer.Typer(
    help="Headsets, heart-rate sensors and the like; what can be attached, and what it says.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_devices(as_json: bool = JSON) -> None:
    """List the kinds of devices, whether their libraries are installed, and the serial ports there are.

    \b
    Example:  joryu devices list
    """
    from joryu.labelling.devices.attachable import list_kinds, list_ports

    kinds, ports = list_kinds(), list_ports()
    lines = [f"{kind.usage:34} {kind.what}{f' (absent: {kind.lacking})' if kind.lacking else ''}" for kind in kinds]
    lines += [f"{port.spec:34} {port.what}" for port in ports] or ["no serial port is here"]
    data = {"kinds": [kind._asdict() for kind in kinds], "ports": [port._asdict() for port in ports]}
    emit(data, as_json, "\n".join(lines))


@app.command()
def watch(
    spec: str = typer.Argument(..., metavar="SPEC", help="The device, as joryu devices list shows them."),
    seconds: float | None = typer.Option(None, min=0.1, help="Stop after this long; else at Ctrl-C."),
    record: Path | None = typer.Option(None, help="Write the signals to this file too, for replay:FILE."),
    outlet: str | None = typer.Option(
        None, help="Send the signals on as the LSL stream of this name: all on the local network can read it."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a second on stdout."),
) -> None:
    """Show what a device says, live: quality, attention, bands. Exit code 1 if nothing came, or not all was recorded.

    \b
    Example:  joryu devices watch simulator --seconds 10
    """
    from rich.console import Console
    from rich.live import Live

    from joryu.labelling.devices import Attached, LslOutlet, Recorder, Sink, open_device, view

    device = open_device(spec)
    sinks: list[Sink] = [LslOutlet(outlet)] if outlet is not None else []
    if record is not None:
        sinks.append(Recorder(record, device.name))
    console = Console()
    attached = Attached(device, sinks=sinks)
    state = attached.state()
    try:
        with attached:
            if console.is_terminal and not as_json:
                with Live(view.page(state), console=console, auto_refresh=False) as shown:
                    for state in view.watch(attached, seconds, every=0.25):
                        shown.update(view.page(state), refresh=True)
            else:
                for state in view.watch(attached, seconds):
                    sys.stdout.write((json.dumps(state.to_json()) if as_json else view.line(state)) + "\n")
                    sys.stdout.flush()
    except KeyboardInterrupt:  # the usual way to stop
        talk("stopped")
    if attached.complaint:
        talk(attached.complaint)
        raise typer.Exit(1)
    if state.age is None:
        talk(f"nothing came from {device.name}{f': {state.reason}' if state.reason else ''}")
        raise typer.Exit(1)
