/** `0 %`, `< 0.1 %`, `3.4 %`, `57 %`, of a share of 0 to 1. */
export function formatShare(share: number): string {
  if (share === 0) return "0 %";
  return share < 0.001 ? "< 0.1 %" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
