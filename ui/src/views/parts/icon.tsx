const PATHS = {
  auto: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.500 9.500A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7z",
  copy: "M5.500 5.500h7v8h-7zM3.500 10.500v-8h7",
  check: "M3 8.500l3.200 3.200L13 5",
  close: "M4 4l8 8M12 4l-8 8",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9M10.500 10.500L14 14",
  left: "M10 3L5 8l5 5",
  up: "M3 10l5-5 5 5",
  down: "M3 6l5 5 5-5",
  filter: "M2.500 3.500h11L9.500 8.500v4l-3 1v-5z",
  warn: "M8 2.500l6 11H2zM8 6.500v3.500M8 11.500v.8",
  gap: "M2 8h4M10 8h4M6 5v6M10 5v6",
  pin: "M6 2.500h4l-.6 4 2.100 2.500h-7l2.100-2.500zM8 9v4.500",
  clock: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2M8 5v3.200l2 1.500",
  link: "M6.500 9.500l3-3M7 4.500l1.200-1.200a2.800 2.800 0 0 1 4 4L11 8.500M9 11.500l-1.200 1.200a2.800 2.800 0 0 1-4-4L5 7.500",
  target: "M8 2v3M8 11v3M2 8h3M11 8h3M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  compare: "M5 2.500v11M5 13.500l-2-2M5 13.500l2-2M11 13.500v-11M11 2.500l-2 2M11 2.500l2 2",
  refresh: "M13.500 5.500A6 6 0 1 0 14 8M14 2.500v3.300h-3.300",
  plus: "M8 3.500v9M3.500 8h9",
  keyboard: "M1.500 4h13v8h-13zM4 6.800h.5M7.700 6.800h.5M11.500 6.800h.5M5 9.500h6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
