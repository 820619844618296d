/** The number of a front end's redirects with `outcome` so far, from its own metrics. */
export async function redirectCount(frontend: string, outcome: string): Promise<number> {
  const text = await (await fetch(`${frontend}/metrics`)).text();
  const line = new RegExp(
    `^cloud_mirror_redirects_total\\{[^}]*outcome="${outcome}"[^}]*\\} (\\S+)$`,
    'm',
  ).exec(text);
  return Number(line?.[1] ?? 0);
}
