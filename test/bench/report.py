# SPDX-License-Identifier: Apache-2.0
"""Prints what was measured: medians, ratios to Phusion Passenger with the same
language, and the figures the project wants to reach. Used by bench."""

from statistics import median

THIS = "mod_passenger"
PEER = "phusion"


class Results:
    """Samples by (peer, language, route), in the order of the rounds; memory and slow
    readers by (peer, language)."""

    def __init__(self):
        self.samples = {}
        self.ready = {}
        self.peak = {}
        self.slow = {}

    def add(self, server, route, sample):
        key = (server.peer.name, server.language, route.name)
        self.samples.setdefault(key, []).append(sample)

    def add_memory(self, server, ready, peak):
        key = (server.peer.name, server.language)
        self.ready.setdefault(key, []).append(ready)
        self.peak.setdefault(key, []).append(peak)

    def add_slow(self, server, result):
        self.slow.setdefault((server.peer.name, server.language), []).append(result)

    def value(self, peer, language, route, field):
        """The median, or None if that was not measured."""
        samples = self.samples.get((peer, language, route))
        return median(getattr(s, field) for s in samples) if samples else None

    def ratio(self, peer, base, language, route, field):
        """The median of what each round says, since a round has one weather; or None."""
        pairs = zip(self.samples.get((peer, language, route), []),
                    self.samples.get((base, language, route), []))
        ratios = [getattr(one, field) / getattr(other, field) for one, other in pairs
                  if getattr(other, field)]
        return median(ratios) if ratios else None

    def slow_ratio(self, peer, language, field):
        """Of the rate without slow readers."""
        found = self.slow.get((peer, language))
        return median(getattr(s, field) / s.undisturbed for s in found) if found else None

    def memory(self, values, peer, language, field):
        found = values.get((peer, language))
        return median(getattr(use, field) for use in found) if found else None


def ratio(value, base):
    return value / base if value is not None and base else None


def ratio_text(found):
    return "%.2fx" % found if found is not None else "-"


def print_route(results, language, peers, route):
    print("%-24s %9s %7s %8s %8s %7s %7s %8s %7s %6s" % (
        "%s, %s" % (language, route), "req/s", "ratio", "p50 us", "p99 us",
        "CPU web", "CPU app", "CPU us", "ratio", "errors"))
    for peer in peers:
        samples = results.samples.get((peer, language, route))
        if not samples:
            continue
        rate, p50, p99, web, app = (results.value(peer, language, route, field) for field in
                                    ("rate", "p50", "p99", "web_cpu", "app_cpu"))
        print("  %-22s %9.0f %7s %8.0f %8.0f %7.1f %7.1f %8.1f %7s %6d" % (
            peer, rate, ratio_text(results.ratio(peer, PEER, language, route, "rate")),
            p50, p99, web, app, web + app,
            ratio_text(results.ratio(peer, PEER, language, route, "cpu")),
            sum(s.bad for s in samples)))
    print()


def print_memory(results, language, peers):
    print("%-24s %9s %9s %7s %9s %9s %7s" % (
        "%s, memory (PSS, MiB)" % language, "web ready", "web peak", "ratio",
        "app ready", "app peak", "ratio"))
    for peer in peers:
        if (peer, language) not in results.ready:
            continue
        cells = []
        for field in ("web", "app"):
            ready, peak = (results.memory(values, peer, language, field)
                           for values in (results.ready, results.peak))
            base = results.memory(results.ready, PEER, language, field)
            cells += [ready, peak, ratio_text(ratio(ready, base))]
        print("  %-22s %9.1f %9.1f %7s %9.1f %9.1f %7s" % (peer, *cells))
    print()


def print_slow(results):
    if not results.slow:
        return
    print("%-28s %11s %11s %11s %9s" % (
        "200 slow readers, hello/s", "undisturbed", "arriving", "afterwards", "begun"))
    for (peer, language), slow in sorted(results.slow.items(), key=lambda item: item[0][1]):
        undisturbed, arriving, afterwards = (median(getattr(s, field) for s in slow) for field in
                                             ("undisturbed", "arriving", "afterwards"))
        print("  %-26s %11.0f %5.0f %5s %5.0f %5s %9d" % (
            "%s/%s" % (peer, language), undisturbed,
            arriving, ratio_text(results.slow_ratio(peer, language, "arriving")),
            afterwards, ratio_text(results.slow_ratio(peer, language, "afterwards")),
            min(s.begun for s in slow)))
    print()


def targets(results, language):
    """(what, value, limit, "at most" or "at least") to reach, compared with PEER."""
    def of_peer(route, field):
        return results.ratio(THIS, PEER, language, route, field)

    return [
        ("CPU, hello 64", of_peer("hello 64", "cpu"), 0.45, "at most"),
        ("requests/s, hello 64", of_peer("hello 64", "rate"), 2.0, "at least"),
        ("p99, hello 64", of_peer("hello 64", "p99"), 1.0, "at most"),
        ("CPU of httpd, hello 64, to the floor",
         results.ratio(THIS, "floor", language, "hello 64", "web_cpu"), 1.8, "at most"),
        ("CPU, 64k 16", of_peer("64k 16", "cpu"), 0.5, "at most"),
        ("CPU, post64k 16", of_peer("post64k 16", "cpu"), 0.5, "at most"),
        ("CPU, post1m 8", of_peer("post1m 8", "cpu"), 0.15, "at most"),
        ("memory of httpd and agent",
         ratio(results.memory(results.ready, THIS, language, "web"),
               results.memory(results.ready, PEER, language, "web")), 0.5, "at most"),
        ("slow readers, arriving",
         results.slow_ratio(THIS, language, "arriving"), 0.6, "at least"),
        ("slow readers, afterwards",
         results.slow_ratio(THIS, language, "afterwards"), 0.8, "at least"),
    ]


def print_targets(results, languages):
    rows = [(language, *row) for language in languages for row in targets(results, language)
            if row[1] is not None]
    if not rows:
        return
    print("To reach (ratios to Phusion Passenger in the same run, if not said otherwise)")
    for language, what, value, limit, sense in rows:
        reached = value <= limit if sense == "at most" else value >= limit
        print("  %-7s %-38s %6.2fx  %s %.2fx  %s" % (
            language, what, value, sense, limit, "reached" if reached else "NOT REACHED"))


def print_all(results, peers, languages, routes):
    for language in languages:
        for route in routes:
            if any(key[1:] == (language, route) for key in results.samples):
                print_route(results, language, peers, route)
        if any(key[1] == language for key in results.ready):
            print_memory(results, language, peers)
    print_slow(results)
    print_targets(results, languages)
