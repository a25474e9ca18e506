import "./styles.css";
import "./lib/theme";
import { HeadgateProvider } from "@headgate/client/react";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { client } from "./lib/client";
import { queryClient } from "./lib/query";
import { router } from "./router";
import { Toaster } from "./ui";

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <HeadgateProvider client={client}>
          <RouterProvider router={router} />
          <Toaster />
        </HeadgateProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
