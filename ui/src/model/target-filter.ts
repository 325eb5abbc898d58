import type { ActiveTarget, Health } from "../api/targets.ts";

export interface TargetGroup {
  readonly pool: string;
  readonly targets: readonly ActiveTarget[];
  readonly upCount: number;
}

/** Every word must be found in the URL, the error, or a `name=value` of the labels. */
export function matchesWords(
  filter: string,
  texts: readonly string[],
  labels: Readonly<Record<string, string>>,
): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const all = [...texts, ...pairs].join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}

/** Targets by job, jobs sorted, what is down first inside of a job. Empty jobs are left out. */
export function groupTargets(
  targets: readonly ActiveTarget[],
  filter: string,
  health: Health | "",
): readonly TargetGroup[] {
  const pools = new Map<string, ActiveTarget[]>();
  for (const target of targets) {
    if (health !== "" && target.health !== health) continue;
    if (!matchesWords(filter, [target.url, target.pool, target.lastError], target.labels)) continue;
    const group = pools.get(target.pool) ?? [];
    group.push(target);
    pools.set(target.pool, group);
  }
  const rank = (target: ActiveTarget) => ["down", "unknown", "up"].indexOf(target.health);
  return [...pools]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([pool, group]) => ({
      pool,
      targets: group.sort((a, b) => rank(a) - rank(b) || (a.url < b.url ? -1 : 1)),
      upCount: group.filter((target) => target.health === "up").length,
    }));
}
