"""What a command costs, with what it starts."""

import os
import sys
from pathlib import Path

import pytest
from benchmarks.process_tree import Cost, FailedError, run

CHILD = "import time; held = bytearray(b'x' * 100 * 2**20); time.sleep(1)"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").is_file(), reason="the system does not say")
def test_the_memory_of_children_counts():
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}], check=True); print('done')"
    cost, said = run([sys.executable, "-c", parent], os.environ)
    assert said == "done\n"
    assert 100 < cost.peak_mib < 400
    assert 0 < cost.cpu_seconds < cost.seconds * os.cpu_count()


def test_a_command_that_fails_says_its_last_words():
    with pytest.raises(FailedError, match="exit code 3: it broke") as caught:
        run([sys.executable, "-c", "import sys; sys.stderr.write('first\\nit broke\\n'); sys.exit(3)"], os.environ)
    assert caught.value.code == 3


def test_one_command_after_another():
    both = Cost(1.0, 2.0, 300.0).then(Cost(3.0, 4.0, 200.0))
    assert both == Cost(4.0, 6.0, 300.0)
    assert Cost(1.0, 1.0, None).then(Cost(1.0, 1.0, None)).peak_mib is None
