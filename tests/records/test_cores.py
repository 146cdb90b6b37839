from __future__ import annotations

import math
from pathlib import Path

import pytest

from lenet_ablate.records import cores
from lenet_ablate.records.cores import cpu_quota

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 28 0:29 {mounted} /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "34 28 0:30 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory"


def tree(root: Path, cgroup: str, mounts: list[str], files: dict[str, str]) -> Path:
    """A fake proc/ and sys/."""
    files = {
        "proc/self/cgroup": cgroup,
        "proc/self/mountinfo": "\n".join(["1 0 8:1 / / rw - ext4 /dev/a rw", *mounts]),
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("cgroup", "mounts", "files", "quota"),
    [
        ("0::/\n", [V2], {}, math.inf),
        ("0::/\n", [V2], {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", [V2], {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/a.slice/b.scope\n", [V2], {"a.slice/b.scope/cpu.max": "400000 100000"}, 4),
        (
            "0::/a/b/c\n",
            [V2],
            {"a/cpu.max": "200000 100000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "800000 100000"},
            2,
        ),
        ("0::/a/b\n", [V2], {"a/b/cpu.max": "100000 100000", "a/cpu.max": "200000 100000", "x/cpu.max": "1 100000"}, 1),
        ("0::/../../host\n", [V2], {"cpu.max": "300000 100000"}, 3),
        (
            "11:memory:/m\n4:cpu,cpuacct:/docker/7f\n",
            [MEMORY, V1.format(mounted="/docker/7f")],
            {"cpu,cpuacct/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            2.5,
        ),
        (
            "4:cpu,cpuacct:/slurm/job1/step0\n0::/\n",
            [V1.format(mounted="/"), V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")],
            {
                "cpu,cpuacct/slurm/job1/cpu.cfs_quota_us": "300000",
                "cpu,cpuacct/slurm/job1/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/slurm/job1/step0/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/slurm/job1/step0/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            "4:cpu:/\n",
            [V1.format(mounted="/")],
            {"cpu,cpuacct/cpu.cfs_quota_us": "1", "cpu,cpuacct/cpu.cfs_period_us": "0"},
            math.inf,
        ),
        ("garbage\n::\n", ["garbage", "1 2 - cgroup2", " - "], {"cpu.max": "1 2 3"}, math.inf),
    ],
)
def test_the_smallest_quota_on_the_way_up_counts(
    tmp_path: Path, cgroup: str, mounts: list[str], files: dict[str, str], quota: float
) -> None:
    assert cpu_quota(tree(tmp_path, cgroup, mounts, files)) == quota


def test_a_mount_point_with_a_blank_is_found(tmp_path: Path) -> None:
    mount = V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/my\040groups")
    assert cpu_quota(tree(tmp_path, "0::/\n", [mount], {"my groups/cpu.max": "100000 100000"})) == 1


def test_nothing_is_known_where_there_is_neither_proc_nor_sys(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) == math.inf


@pytest.mark.parametrize(("quota", "usable"), [(0.2, 1), (1.5, 2), (math.inf, 4)])
def test_part_of_a_core_counts_as_one(monkeypatch: pytest.MonkeyPatch, quota: float, usable: int) -> None:
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(cores, "_siblings", str)
    assert cores.num_usable_cores() == usable


def test_hyperthreads_of_a_core_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3, 4}, raising=False)
    monkeypatch.setattr(cores, "_siblings", lambda cpu: str(cpu % 3))
    monkeypatch.setattr(cores, "cpu_quota", lambda: math.inf)
    assert cores.num_usable_cores() == 3
