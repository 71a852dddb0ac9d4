"""Which VM serves which plugin on one thread, and what happens when it fails.

A `VmPool` is one thread of the proxy: plugins with the same VM key share a VM, with the same plugin key a
root
context. A `PluginHandle` is a plugin on that thread; it makes the filter for each new stream and applies
the failure
policy (reference: section 25).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .context import RootContext
from .errors import ConfigError, HostError, PluginFailed
from .limits import Limits
from .loading import LoadedModule, load_module
from .plugin import FailurePolicy, Key, Plugin
from .profile import Profile
from .records import LogLine
from .stream import DeadFilter, HttpStreamContext
from .vm import Vm

if TYPE_CHECKING:
    from .world import World

__all__ = ["Loader", "PluginHandle", "VmPool"]

MS = 1_000_000


class Loader:
    """Compiles modules once, however many VMs use them."""

    def __init__(self, engine: Any, profile: Profile, progress: Callable[..., None] | None = None) -> None:
        self.engine = engine
        self.profile = profile
        self.progress = progress
        # The modules by their code, and the code by what marks its file: other loaders may share this.
        self.cache: dict[Any, Any] = {}

    def code(self, plugin: Plugin) -> bytes:
        """Return the plugin's module; of a file that has not changed the very object of before."""
        # why: a file of megabytes is then read, and its bytes are hashed, once and not for each VM.
        mark = plugin.mark()
        code: bytes | None = self.cache.get(mark)
        if code is None:
            code = self.cache[mark] = plugin.read()
        return code

    def load(self, plugin: Plugin) -> LoadedModule:
        code = self.code(plugin)
        key = (code, plugin.patch_abi)
        loaded: LoadedModule | None = self.cache.get(key)
        if loaded is None:
            loaded = self.cache[key] = load_module(
                self.engine,
                code,
                self.profile,
                patch_abi=plugin.patch_abi,
                progress=self.progress,
            )
        return loaded


class VmPool:
    """The VMs of one thread."""

    def __init__(self, world: World, loader: Loader, limits: Limits, thread: str) -> None:
        self.world = world
        self.loader = loader
        self.limits = limits
        self.thread = thread
        self.vms: dict[Key, Vm] = {}
        self.roots: dict[tuple[Key, Key], RootContext] = {}  # in the order of the plugins' first start

    def vm_for(self, plugin: Plugin) -> Vm:
        """Return the plugin's VM, started; create it if no plugin has before."""
        loaded = self.loader.load(plugin)
        key = plugin.vm_key(loaded.code)
        limits = plugin.limits or self.limits
        vm = self.vms.get(key)
        if vm is not None and vm.limits != limits:
            raise ConfigError(
                f"plugin {plugin.name}: it shares a VM with another plugin whose limits differ",
                advice="Give both the same limits, or another vm_id",
            )
        if vm is None or vm.failed or vm.rebuild:
            vm = Vm(
                self.world,
                loaded,
                self.loader.engine,
                self.loader.profile,
                limits,
                vm_id=plugin.vm_id,
                vm_configuration=plugin.vm_configuration_bytes,
                environment=dict(plugin.environment),
                capabilities=plugin.capabilities,
                thread=self.thread,
            )
            self.vms[key] = vm
            vm.start()
        return vm

    def root_for(self, plugin: Plugin) -> RootContext:
        """Return the plugin's root context, started. Raises HostError when the plugin refuses."""
        try:
            vm = self.vm_for(plugin)
        except HostError as e:
            raise e.at(plugin.label, plugin.name) from e.__cause__
        key = plugin.key()
        root = vm.roots.get(key)
        if root is None:
            root = vm.roots[key] = RootContext(vm, plugin)
            self.roots[plugin.vm_key(vm.loaded.code), key] = root
            said_before = len(self.world.logs)
            reason = root.start()
            if reason:
                said = last_words(self.world.logs[said_before:])
                raise _refused(reason, vm, said).at(plugin.label, plugin.name) from vm.failure_error
        return root

    def stop(self) -> None:
        """End every plugin, in the reverse order of their start, as Envoy does when it shuts down."""
        for root in reversed(list(self.roots.values())):
            root.stop()

    def discard(self) -> None:
        """Drop every VM at once: no callback follows."""
        for vm in self.vms.values():
            for root in vm.roots.values():
                root.gone = True
                root.release()
        self.release()

    def release(self) -> None:
        """Give back the guests of VMs in which everything has ended."""
        for vm in self.vms.values():
            vm.release()


def last_words(lines: list[LogLine]) -> str:
    """Return what a plugin complained of last, which tells more than the host can; or the empty text.

    Two lines, because an SDK closes with a general one ("plugin start failed") after the reason.
    """
    complaints = [line for line in lines if line.level in ("warning", "error", "critical")]
    return "; ".join(" ".join(line.text.split()) for line in complaints[-2:])


def _refused(reason: str, vm: Vm, said: str) -> PluginFailed:
    why = vm.failure.splitlines()[0] if vm.failure else "the plugin returned false"
    text = f"{reason}: {why}" + (f'; it logged: "{said}"' if said else " and logged no reason")
    advice = (
        "Fewer limits or another configuration may help"
        if vm.failure
        else "Mend the configuration (--config)"
        if "configure" in reason
        else "Mend the VM configuration (--vm-config)"
    )
    return PluginFailed(text, reason=reason, advice=advice)


class PluginHandle:
    """One plugin on one thread."""

    def __init__(self, pool: VmPool, plugin: Plugin) -> None:
        self.pool = pool
        self.plugin = plugin
        self.root = pool.root_for(plugin)
        self.loaded_ns = pool.world.now_ns

    @property
    def vm(self) -> Vm:
        return self.root.vm

    def make_filter(self, stream: Any) -> HttpStreamContext | DeadFilter | None:
        """Return the filter for a new stream; None when its route disables it or it has failed open."""
        if stream.route is not None and stream.route.disables(self.plugin.filter_name):
            return None
        self.revive()
        if self.vm.failed:
            return None if self.plugin.failure_policy.opens else DeadFilter()
        return HttpStreamContext(self.root, stream)

    def revive(self) -> None:
        if self.vm.rebuild and not self.vm.failed:
            self._reload()  # the old VM goes on for the streams it has
            return
        # why: Envoy never reloads what failed before it was configured
        reload = self.plugin.failure_policy == FailurePolicy.FAIL_RELOAD and not self.root.stillborn
        recover = reload or self.vm.profile.recover
        if not self.vm.failed or not recover:
            return
        world, stat = self.pool.world, f"wasm.{self.plugin.name}."
        if world.now_ns - self.loaded_ns < self.plugin.reload_base_ms * MS:
            world.count(stat + "vm_reload_backoff")
            return
        for root in list(self.vm.roots.values()):
            root.gone = True
        self._reload()

    def _reload(self) -> None:
        world, stat = self.pool.world, f"wasm.{self.plugin.name}."
        self.loaded_ns = world.now_ns
        try:
            self.root = self.pool.root_for(self.plugin)
            world.count(stat + "vm_reload_success")
        except HostError as e:
            world.count(stat + "vm_reload_failure")
            world.note("error", e.text, self.pool.thread)


def check_plugins(plugins: list[Plugin]) -> None:
    """Refuse descriptions that contradict themselves, before anything is loaded."""
    for plugin in plugins:
        if plugin.failure_policy == FailurePolicy.FAIL_RELOAD and plugin.reload_base_ms < 1:
            raise ConfigError(f"plugin {plugin.name}: reload_base_ms must be at least 1")
