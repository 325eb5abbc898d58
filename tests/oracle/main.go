// Oracle prints the target groups that Prometheus' own service discovery finds: the packages that
// Prometheus is made of, over the blocks of a scrape config on standard input.
//
//	echo 'kubernetes_sd_configs: [{role: pod, api_server: "http://127.0.0.1:8001"}]' | oracle
//
// The answer is JSON: the version of those packages, and the groups with source, labels and targets,
// sorted by source. A group without targets is left out, as Prometheus leaves it out. It ends when
// nothing new has come for a while.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/consul"
	_ "github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v2"
)

const (
	// A server on the same machine says all that it knows well within this time.
	quietTime = 2 * time.Second
	patience  = 30 * time.Second
)

type answer struct {
	Version string  `json:"version"`
	Groups  []group `json:"groups"`
}

type group struct {
	Source  string              `json:"source"`
	Labels  map[string]string   `json:"labels"`
	Targets []map[string]string `json:"targets"`
}

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(log); err != nil {
		log.Error("no answer", "reason", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var configs discovery.Configs
	if err := yaml.UnmarshalStrict(text, &configs); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	updates := make(chan []*targetgroup.Group)
	for _, config := range configs {
		registry := prometheus.NewRegistry()
		metrics := config.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
		discoverer, err := config.NewDiscoverer(discovery.DiscovererOptions{Logger: log, Metrics: metrics})
		if err != nil {
			return err
		}
		go discoverer.Run(ctx, updates)
	}
	found, err := gather(updates)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer{version(), found})
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/prometheus/prometheus" {
			return module.Version
		}
	}
	return "unknown"
}

// gather keeps the latest group of each source, until no more come.
func gather(updates <-chan []*targetgroup.Group) ([]group, error) {
	latest := map[string]*targetgroup.Group{}
	wait := patience
	for {
		select {
		case groups := <-updates:
			for _, it := range groups {
				latest[it.Source] = it
			}
			wait = quietTime
		case <-time.After(wait):
			if wait == patience {
				return nil, errors.New("discovery finds nothing")
			}
			return sorted(latest), nil
		}
	}
}

func sorted(latest map[string]*targetgroup.Group) []group {
	found := []group{}
	for source, it := range latest {
		if len(it.Targets) == 0 {
			continue
		}
		one := group{Source: source, Labels: map[string]string{}}
		for name, value := range it.Labels {
			one.Labels[string(name)] = string(value)
		}
		for _, target := range it.Targets {
			labels := map[string]string{}
			for name, value := range target {
				labels[string(name)] = string(value)
			}
			one.Targets = append(one.Targets, labels)
		}
		found = append(found, one)
	}
	slices.SortFunc(found, func(a, b group) int { return cmp.Compare(a.Source, b.Source) })
	return found
}
