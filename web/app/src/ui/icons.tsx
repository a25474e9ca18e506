import type { ReactNode } from "react";

/* Lucide's drawings (ISC licence), those that the product shows and no others. They are never the only way something is said. */

function icon(paths: ReactNode) {
  return function Icon({ className = "size-4.5" }: { className?: string }) {
    return (
      <svg
        aria-hidden="true"
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        strokeLinecap="round"
        strokeLinejoin="round"
        className={className}
      >
        {paths}
      </svg>
    );
  };
}

export const CloseIcon = icon(<path d="M18 6 6 18M6 6l12 12" />);
export const MenuIcon = icon(<path d="M4 6h16M4 12h16M4 18h16" />);
export const PlusIcon = icon(<path d="M5 12h14M12 5v14" />);
export const SendIcon = icon(<path d="m5 12 7-7 7 7M12 19V5" />);
export const StopIcon = icon(<rect x="6" y="6" width="12" height="12" rx="2" fill="currentColor" stroke="none" />);
export const PauseIcon = icon(<path d="M9 5v14M15 5v14" strokeWidth="2.6" />);
export const PlayIcon = icon(<path d="m7 4 13 8-13 8z" fill="currentColor" stroke="none" />);
export const RetryIcon = icon(<path d="M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5" />);
export const EditIcon = icon(<path d="M12 20h9M16.5 3.5a2.1 2.1 0 0 1 3 3L7 19l-4 1 1-4z" />);
export const CopyIcon = icon(
  <>
    <rect x="8" y="8" width="13" height="13" rx="2" />
    <path d="M4 16a2 2 0 0 1-1-2V5a2 2 0 0 1 2-2h9a2 2 0 0 1 2 1" />
  </>,
);
export const CheckIcon = icon(<path d="m5 13 4 4L19 7" />);
export const TrashIcon = icon(<path d="M3 6h18M8 6V4h8v2M6 6l1 14h10l1-14M10 11v5M14 11v5" />);
export const DownloadIcon = icon(<path d="M12 3v12m0 0 5-5m-5 5-5-5M4 20h16" />);
export const ChevronIcon = icon(<path d="m6 9 6 6 6-6" />);
export const ArrowDownIcon = icon(<path d="M12 5v14m0 0 6-6m-6 6-6-6" />);
export const SunIcon = icon(
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M6.3 17.7l-1.4 1.4M19.1 4.9l-1.4 1.4" />
  </>,
);
export const ChatIcon = icon(<path d="M21 12a8 8 0 0 1-8 8H4l1.9-3.2A8 8 0 1 1 21 12z" />);
export const AgentIcon = icon(
  <>
    <rect x="4" y="8" width="16" height="12" rx="3" />
    <path d="M12 8V4M9 13v2M15 13v2M2 13v3M22 13v3" />
  </>,
);
export const TodoIcon = icon(<path d="m3 7 2 2 3-4M3 17l2 2 3-4M12 7h9M12 17h9" />);
export const KeyIcon = icon(
  <>
    <circle cx="8" cy="15" r="5" />
    <path d="m11.5 11.5 9-9M17 6l3 3M14 9l2 2" />
  </>,
);
export const ChartIcon = icon(<path d="M4 20V10M10 20V4M16 20v-7M21 20H3" />);
export const ShieldIcon = icon(<path d="M12 3 4 6v6c0 5 3.5 8 8 9 4.5-1 8-4 8-9V6z" />);
export const SettingsIcon = icon(
  <>
    <path d="M4 7h10M18 7h2M4 17h2M10 17h10" />
    <circle cx="16" cy="7" r="2" />
    <circle cx="8" cy="17" r="2" />
  </>,
);
export const LogoutIcon = icon(<path d="M15 4h4a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-4M10 17l-5-5 5-5M5 12h11" />);
export const WrenchIcon = icon(
  <path d="M14.5 6.5a4 4 0 0 1 5-1l-2.7 2.7 1.9 1.9L21.4 7.4a4.5 4.5 0 0 1-6 5.6l-7.3 7.4a2 2 0 0 1-2.8-2.8l7.4-7.3a4.5 4.5 0 0 1 1.8-3.8z" />,
);
export const AlertIcon = icon(
  <path d="M12 9v4M12 17h.01M10.3 3.9 2 18a2 2 0 0 0 1.7 3h16.6a2 2 0 0 0 1.7-3L13.7 3.9a2 2 0 0 0-3.4 0z" />,
);
export const InfoIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 11v5M12 8h.01" />
  </>,
);
export const SearchIcon = icon(
  <>
    <circle cx="11" cy="11" r="7" />
    <path d="m20 20-4-4" />
  </>,
);
export const ClockIcon = icon(
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7v5l3 2" />
  </>,
);
export const EyeIcon = icon(
  <>
    <path d="M2 12s3.6-7 10-7 10 7 10 7-3.6 7-10 7-10-7-10-7z" />
    <circle cx="12" cy="12" r="3" />
  </>,
);
export const MoreIcon = icon(<path d="M12 6h.01M12 12h.01M12 18h.01" strokeWidth="3" />);
export const CalendarIcon = icon(
  <>
    <rect x="3" y="5" width="18" height="16" rx="2" />
    <path d="M3 10h18M8 3v4M16 3v4" />
  </>,
);
