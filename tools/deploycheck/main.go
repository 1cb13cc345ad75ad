// Command deploycheck reads the Kubernetes manifests and the compose file as their own engines would, where no engine is
// at hand: every field must exist in its type. It prints what it has read and fails on the first mistake.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := errors.Join(manifests(filepath.Join(root, "deploy/kubernetes")), compose(root)); err != nil {
		fmt.Fprintln(os.Stderr, "deploycheck:", err)
		os.Exit(1)
	}
}

// kinds are the types that the manifests use.
var kinds = map[string]func() any{
	"v1/Namespace":                           func() any { return &corev1.Namespace{} },
	"v1/ConfigMap":                           func() any { return &corev1.ConfigMap{} },
	"v1/Service":                             func() any { return &corev1.Service{} },
	"apps/v1/Deployment":                     func() any { return &appsv1.Deployment{} },
	"apps/v1/StatefulSet":                    func() any { return &appsv1.StatefulSet{} },
	"policy/v1/PodDisruptionBudget":          func() any { return &policyv1.PodDisruptionBudget{} },
	"networking.k8s.io/v1/NetworkPolicy":     func() any { return &networkingv1.NetworkPolicy{} },
	"autoscaling/v2/HorizontalPodAutoscaler": func() any { return &autoscalingv2.HorizontalPodAutoscaler{} },
}

// kustomization names the files that belong together.
type kustomization struct {
	Resources []string `json:"resources"`
}

func manifests(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
	if err != nil {
		return err
	}
	var k kustomization
	if err := strict.Unmarshal(b, &k); err != nil {
		return err
	}
	for _, name := range k.Resources {
		if err := manifest(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func manifest(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	docs := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(b)))
	defer docs.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := docs.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var head struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := strict.Unmarshal(buf[:n], &head); err != nil {
			return err
		}
		make, ok := kinds[head.APIVersion+"/"+head.Kind]
		if !ok {
			return fmt.Errorf("%s/%s is not known here", head.APIVersion, head.Kind)
		}
		if err := strict.UnmarshalStrict(buf[:n], make()); err != nil {
			return fmt.Errorf("%s: %w", head.Kind, err)
		}
		fmt.Println("good:", filepath.Base(path), head.Kind)
	}
}

func compose(root string) error {
	for _, profiles := range [][]string{nil, {"simulator"}, {"monitoring"}} {
		opts, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")}, cli.WithName("topupq"), cli.WithProfiles(profiles))
		if err != nil {
			return fmt.Errorf("compose: %w", err)
		}
		p, err := opts.LoadProject(context.Background())
		if err != nil {
			return fmt.Errorf("compose: %w", err)
		}
		fmt.Println("good: docker-compose.yml", profiles, p.ServiceNames())
	}
	return nil
}
